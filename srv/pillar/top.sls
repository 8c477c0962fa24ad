base:
  '*':
    - site
  'G@os:CentOS':
    - match: compound
    - site.data
  web1group:
    - match: nodegroup
    - nginx.web1
  web2group:
    - match: nodegroup
    - nginx.web2
