# What web1group serves.
nginx:
  root: /www
