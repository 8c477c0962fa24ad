# What web2group serves.
nginx:
  root: /data
