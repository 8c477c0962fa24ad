# What a failure looks like: `state.apply demo.faulty`. One state fails, what requires it is not tried, what waits for a
# failure runs, and a requisite that names nothing is told with its place.
{% from 'demo/map.jinja' import site with context %}

licence:
  cmd.run:
    - name: grep -q VALID licence
    - cwd: {{ site.root }}

serve:
  test.succeed_with_changes:
    - require:
      - cmd: licence

tell the owner:
  test.show_notification:
    - text: the licence of {{ site.root }} has to be renewed
    - onfail:
      - cmd: licence

tidy up:
  test.nop:
    - require:
      - cmd: licens
