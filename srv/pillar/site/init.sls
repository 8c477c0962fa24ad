site:
  greeting: Good day
  root: /www
