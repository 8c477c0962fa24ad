//! The master: keys, jobs, returns, files and pillar of a fleet.
