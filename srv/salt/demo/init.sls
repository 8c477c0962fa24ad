# A small site below one directory a minion, so that the demo needs no root and harms nothing.
{% from 'demo/map.jinja' import site with context %}

{{ site.root }}:
  file.directory:
    - mode: '0755'
    - makedirs: True

motd:
  file.managed:
    - name: {{ site.root }}/motd
    - source: salt://demo/files/motd.jinja
    - template: jinja
    - mode: '0644'
    - context:
        workers: {{ site.workers }}
    - require:
      - file: {{ site.root }}

site.conf:
  file.managed:
    - name: {{ site.root }}/conf/site.conf
    - makedirs: True
    - mode: '0640'
    - contents: |
        root {{ salt['pillar.get']('site:root', '/srv') }}
        workers {{ site.workers }}
        family {{ grains['os_family'] }}
    - require:
      - file: motd

# Before a build that would change something, and only then.
keep the old release:
  cmd.run:
    - name: if test -f release; then cp release release.old; fi
    - cwd: {{ site.root }}
    - prereq:
      - cmd: build

build:
  cmd.run:
    - name: cat motd conf/site.conf > release
    - cwd: {{ site.root }}
    - onchanges:
      - file: motd
      - file: site.conf

reload:
  test.configurable_test_state:
    - changes: False
    - result: True
    - comment: the site runs with the configuration it has
    - watch:
      - file: site.conf

# At the end of the run, once, however many of its states changed.
announce:
  cmd.wait:
    - name: echo "$(wc -l < release) lines are live"
    - cwd: {{ site.root }}
    - listen:
      - file: motd
      - file: site.conf
