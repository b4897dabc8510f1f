//! The least that a server can do: it turns a request's mode around and sends it back. No server can be faster than the
//! kernel below it, and this is how fast that is.

use std::io;
use std::mem;
use std::net::{SocketAddrV4, UdpSocket};
use std::os::fd::AsRawFd;
use std::ptr;

const BATCH: usize = 32;
const ROOM: usize = 128;

/// A call for each datagram.
pub(crate) fn one_by_one(at: SocketAddrV4) -> io::Result<()> {
    let socket = UdpSocket::bind(at)?;
    let mut bytes = [0; ROOM];
    loop {
        let (length, from) = socket.recv_from(&mut bytes)?;
        bytes[0] ^= 3 ^ 4;
        // What cannot be sent is lost.
        let _ = socket.send_to(&bytes[..length], from);
    }
}

/// A call for all that wait.
pub(crate) fn in_batches(at: SocketAddrV4) -> io::Result<()> {
    let socket = UdpSocket::bind(at)?;
    let mut bytes = [[0_u8; ROOM]; BATCH];
    // SAFETY: all of these may be zero: null pointers with lengths of zero, unspecified addresses.
    let (mut headers, mut pieces, mut names): (
        [libc::mmsghdr; BATCH],
        [libc::iovec; BATCH],
        [libc::sockaddr_in; BATCH],
    ) = unsafe { mem::zeroed() };
    loop {
        for index in 0..BATCH {
            pieces[index] = libc::iovec { iov_base: bytes[index].as_mut_ptr().cast(), iov_len: ROOM };
            let header = &mut headers[index].msg_hdr;
            header.msg_name = (&raw mut names[index]).cast();
            header.msg_namelen = size_of::<libc::sockaddr_in>() as libc::socklen_t;
            header.msg_iov = &raw mut pieces[index];
            header.msg_iovlen = 1;
        }
        let fd = socket.as_raw_fd();
        // SAFETY: the headers point at memory of this call, and say its sizes.
        let received = unsafe {
            libc::recvmmsg(fd, headers.as_mut_ptr(), BATCH as u32, libc::MSG_WAITFORONE, ptr::null_mut())
        };
        let received = usize::try_from(received).map_err(|_| io::Error::last_os_error())?;
        for index in 0..received {
            bytes[index][0] ^= 3 ^ 4;
            pieces[index].iov_len = headers[index].msg_len as usize;
        }
        // SAFETY: as above.
        unsafe { libc::sendmmsg(fd, headers.as_mut_ptr(), received as u32, 0) };
    }
}
