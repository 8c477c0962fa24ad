# Which states a minion gets. `saltctl '*' state.highstate` applies what this file says.
base:
  # The minions of `cargo demo` have this grain: each lives below a directory of its own.
  'demo_dir:*':
    - match: grain
    - demo
  # Web servers, by the groups of nodegroups.conf.
  web1group:
    - match: nodegroup
    - nginx
  web2group:
    - match: nodegroup
    - nginx
