base:
  '*':
    - site
  'G@os:CentOS':
    - match: compound
    - site.data
