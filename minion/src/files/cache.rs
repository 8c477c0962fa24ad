//! Files of the master kept on this machine.
