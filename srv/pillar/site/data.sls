site:
  root: /data
