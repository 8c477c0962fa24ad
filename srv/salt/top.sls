# Which states a minion gets. `saltctl '*' state.highstate` applies what this file says.
base:
  '*':
    - demo
