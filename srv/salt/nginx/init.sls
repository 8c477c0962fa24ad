# Web servers in two groups: the same package and configuration; what they serve, the pillar of their group says.
{% set root = pillar['nginx']['root'] %}

nginx:
  pkg.installed: []
  service.running:
    - enable: True
    - reload: True
    - require:
      - pkg: nginx
    - watch:
      - file: /etc/nginx/nginx.conf

/etc/nginx/nginx.conf:
  file.managed:
    - source: salt://nginx/files/nginx.conf
    - template: jinja
    - user: root
    - group: root
    - mode: '0644'
    - require:
      - pkg: nginx

{{ root }}:
  file.directory:
    - user: root
    - group: root
    - mode: '0755'

{{ root }}/index.html:
  file.managed:
    - contents: {{ grains['id'] }} serves {{ root }}
    - mode: '0644'
    - require:
      - file: {{ root }}
    - require_in:
      - service: nginx
