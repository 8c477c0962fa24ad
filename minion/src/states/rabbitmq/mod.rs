//! The RabbitMQ server of this machine: users, virtual hosts, policies, plugins, upstreams, its cluster.

mod cluster;
mod plugin;
mod policy;
mod report;
mod upstream;
mod user;
mod vhost;

pub use cluster::STATE as CLUSTER;
pub use plugin::STATE as PLUGIN;
pub use policy::STATE as POLICY;
pub use upstream::STATE as UPSTREAM;
pub use user::STATE as USER;
pub use vhost::STATE as VHOST;
