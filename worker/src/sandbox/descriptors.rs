//! Closes what a parser inherited beyond its three standard streams.
//!
//! The worker marks its own descriptors close-on-exec, but whoever started the worker may have left it some that are not
//! (a build tool's pipes, a service manager's sockets), and a document must not reach those.

#![expect(
    unsafe_code,
    reason = "a descriptor that no Rust value owns can only be closed by its number"
)]

use std::io;
use std::os::fd::RawFd;

/// Closes every descriptor from 3 on. Called first thing in a process, before it opens any.
///
/// # Errors
/// `/proc` cannot be read.
pub(super) fn close_inherited() -> io::Result<()> {
    let open: Vec<RawFd> = std::fs::read_dir("/proc/self/fd")?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|&descriptor| descriptor > 2)
        .collect();
    for descriptor in open {
        // SAFETY: the process has just begun and runs on one thread, so no value in it owns this descriptor. The folder
        // that was listed is in the list and closed by now; closing its number again fails without effect.
        unsafe { rustix::io::close(descriptor) };
    }
    Ok(())
}
