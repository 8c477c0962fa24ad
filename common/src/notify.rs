//! What the service manager hears (`sd_notify`), without its library.

use std::os::unix::net::UnixDatagram;

/// Tells systemd a state such as `READY=1`; without systemd nothing happens.
pub fn notify(state: &str) {
    let Some(name) = std::env::var_os("NOTIFY_SOCKET") else { return };
    let Ok(socket) = UnixDatagram::unbound() else { return };
    let bytes = name.as_encoded_bytes();
    let sent = if let [b'@', abstract_name @ ..] = bytes {
        use std::os::linux::net::SocketAddrExt;
        std::os::unix::net::SocketAddr::from_abstract_name(abstract_name)
            .and_then(|address| socket.send_to_addr(state.as_bytes(), &address))
    } else {
        socket.send_to(state.as_bytes(), &name)
    };
    if let Err(error) = sent {
        tracing::warn!(%error, "the service manager could not be told");
    }
}
