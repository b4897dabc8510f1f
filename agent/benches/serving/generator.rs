//! The load: requests at a steady rate from many addresses, and the answers counted.

use std::mem;
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::os::fd::AsRawFd;
use std::ptr;
use std::time::{Duration, Instant};

use crate::site::FIRST_CLIENT;

const BATCH: usize = 32;
const REQUEST: usize = 48;
/// Room for one address.
const NOTES: usize = 4;
/// After the last request answers are waited for this long.
const GRACE: Duration = Duration::from_millis(100);

/// What is to be sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    pub(crate) server: SocketAddrV4,
    /// Distinct addresses.
    pub(crate) clients: u32,
    /// Requests a second.
    pub(crate) rate: f64,
    pub(crate) requests: u64,
    /// Most requests that are unanswered at a time, for servers that are slow on purpose.
    pub(crate) window: u64,
}

/// What came of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outcome {
    pub(crate) sent: u64,
    pub(crate) answered: u64,
    /// How long it was sent.
    pub(crate) seconds: f64,
}

impl Outcome {
    pub(crate) fn loss(&self) -> f64 {
        1.0 - self.answered as f64 / self.sent.max(1) as f64
    }

    /// Answers a second.
    pub(crate) fn rate(&self) -> f64 {
        self.answered as f64 / self.seconds
    }
}

/// The generator's process: sends the load and prints the outcome.
pub(crate) fn run(load: Load) -> Result<(), String> {
    let outcome = Generator::new(load).map_err(|error| error.to_string())?.send();
    println!("{} {} {}", outcome.sent, outcome.answered, outcome.seconds);
    Ok(())
}

struct Generator {
    load: Load,
    socket: UdpSocket,
    to: libc::sockaddr_in,
    requests: [[u8; REQUEST]; BATCH],
    answers: [[u8; REQUEST]; BATCH],
    notes: [[u64; NOTES]; BATCH],
    sent: u64,
    answered: u64,
}

impl Generator {
    fn new(load: Load) -> std::io::Result<Self> {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 40_000))?;
        socket.set_nonblocking(true)?;
        let room: libc::c_int = 8 << 20;
        // SAFETY: the option is an int, which lives until the call returns.
        unsafe {
            let size = size_of::<libc::c_int>() as libc::socklen_t;
            libc::setsockopt(
                socket.as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_RCVBUFFORCE,
                (&raw const room).cast(),
                size,
            );
        }
        // SAFETY: all of a sockaddr_in may be zero.
        let mut to: libc::sockaddr_in = unsafe { mem::zeroed() };
        to.sin_family = libc::AF_INET as libc::sa_family_t;
        to.sin_port = load.server.port().to_be();
        to.sin_addr.s_addr = u32::from(*load.server.ip()).to_be();
        let mut request = [0; REQUEST];
        // Version 4, mode 3, poll 6; a client's precision as chronyd sends it.
        request[..4].copy_from_slice(&[0x23, 0, 6, 0x20]);
        Ok(Self {
            load,
            socket,
            to,
            requests: [request; BATCH],
            answers: [[0; REQUEST]; BATCH],
            notes: [[0; NOTES]; BATCH],
            sent: 0,
            answered: 0,
        })
    }

    fn send(mut self) -> Outcome {
        let start = Instant::now();
        let mut heard = start;
        while self.sent < self.load.requests {
            let due = (start.elapsed().as_secs_f64() * self.load.rate) as u64;
            let open = self.load.window.saturating_sub(self.sent - self.answered);
            let count = due.saturating_sub(self.sent).min(self.load.requests - self.sent).min(open);
            // Fewer are not worth a call, unless they are the last.
            if count >= BATCH as u64 / 2
                || count == self.load.requests - self.sent
                || (count > 0 && count == open)
            {
                self.ask(count.min(BATCH as u64) as usize);
            }
            if self.hear() {
                heard = Instant::now();
            } else if open == 0 && heard.elapsed() > Duration::from_secs(2) {
                break;
            }
        }
        let seconds = start.elapsed().as_secs_f64();
        let mut last = Instant::now();
        while self.answered < self.sent && last.elapsed() < GRACE {
            if self.hear() {
                last = Instant::now();
            }
        }
        Outcome { sent: self.sent, answered: self.answered, seconds }
    }

    fn ask(&mut self, count: usize) {
        // SAFETY: all of mmsghdr and iovec may be zero: null pointers with lengths of zero.
        let (mut headers, mut pieces): ([libc::mmsghdr; BATCH], [libc::iovec; BATCH]) =
            unsafe { mem::zeroed() };
        for index in 0..count {
            let number = self.sent + index as u64;
            let client = u32::from(FIRST_CLIENT) + (number % u64::from(self.load.clients)) as u32;
            self.requests[index][40..].copy_from_slice(&(number + 1).to_be_bytes());
            write_source(&mut self.notes[index], client);
            let request = &mut self.requests[index];
            pieces[index] = libc::iovec { iov_base: request.as_mut_ptr().cast(), iov_len: REQUEST };
            let header = &mut headers[index].msg_hdr;
            header.msg_name = (&raw mut self.to).cast();
            header.msg_namelen = size_of::<libc::sockaddr_in>() as libc::socklen_t;
            header.msg_iov = &raw mut pieces[index];
            header.msg_iovlen = 1;
            header.msg_control = self.notes[index].as_mut_ptr().cast();
            header.msg_controllen = size_of_val(&self.notes[index]) as _;
        }
        // SAFETY: the first `count` headers point at memory of self and of this call, and say its sizes.
        let sent = unsafe { libc::sendmmsg(self.socket.as_raw_fd(), headers.as_mut_ptr(), count as u32, 0) };
        self.sent += u64::try_from(sent).unwrap_or(0);
    }

    /// Counts the answers that are there; false = there were none.
    fn hear(&mut self) -> bool {
        // SAFETY: all of mmsghdr and iovec may be zero: null pointers with lengths of zero.
        let (mut headers, mut pieces): ([libc::mmsghdr; BATCH], [libc::iovec; BATCH]) =
            unsafe { mem::zeroed() };
        for ((header, piece), answer) in headers.iter_mut().zip(&mut pieces).zip(&mut self.answers) {
            *piece = libc::iovec { iov_base: answer.as_mut_ptr().cast(), iov_len: REQUEST };
            header.msg_hdr.msg_iov = piece;
            header.msg_hdr.msg_iovlen = 1;
        }
        // SAFETY: the headers point at memory of self and of this call, and say its sizes.
        let received = unsafe {
            let fd = self.socket.as_raw_fd();
            libc::recvmmsg(fd, headers.as_mut_ptr(), BATCH as u32, libc::MSG_DONTWAIT, ptr::null_mut())
        };
        let received = usize::try_from(received).unwrap_or(0);
        let is_answer =
            |index: &usize| headers[*index].msg_len as usize == REQUEST && self.answers[*index][0] & 7 == 4;
        self.answered += (0..received).filter(is_answer).count() as u64;
        received > 0
    }
}

/// The note that makes a datagram leave from this address.
fn write_source(notes: &mut [u64; NOTES], address: u32) {
    let source = libc::in_addr { s_addr: address.to_be() };
    let info =
        libc::in_pktinfo { ipi_ifindex: 0, ipi_spec_dst: source, ipi_addr: libc::in_addr { s_addr: 0 } };
    // SAFETY: the array has room for a header and an in_pktinfo behind it, and is aligned for the header.
    unsafe {
        let head = notes.as_mut_ptr().cast::<libc::cmsghdr>();
        head.write(libc::cmsghdr {
            cmsg_len: libc::CMSG_LEN(size_of::<libc::in_pktinfo>() as u32) as _,
            cmsg_level: libc::IPPROTO_IP,
            cmsg_type: libc::IP_PKTINFO,
        });
        libc::CMSG_DATA(head).cast::<libc::in_pktinfo>().write_unaligned(info);
    }
}
