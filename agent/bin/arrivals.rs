//! Requests in batches: one recvmmsg(2) fetches all that wait, with the kernel's notes on each.

use std::mem;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsRawFd, OwnedFd};
use std::ptr;

use nix::errno::Errno;
use timefleet_agent::engine::{Stamp, StampedBy};
use timefleet_agent::time::{Moment, Wall};

/// Most datagrams of one batch. The first answer of a batch waits for the last to be made, so it must not be long.
pub(crate) const BATCH: usize = 32;
/// Larger than any request that is answered, so that a longer one is seen to be too long.
const LONGEST: usize = 1024;
/// Room for the kernel's notes, in words so that they are aligned; simulators want 256 bytes.
const NOTES: usize = 32;

/// Where a batch is received; all of its memory is allocated once.
pub(crate) struct Arrivals {
    slots: Vec<Slot>,
    headers: Box<[libc::mmsghdr]>,
    pieces: Vec<libc::iovec>,
    /// So many headers the kernel may have changed.
    used: usize,
}

/// What a socket that blocks is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    /// This socket does not block.
    No,
    /// Wait for the first datagram, or for as long as the socket waits.
    ForOne,
}

/// One datagram's place.
struct Slot {
    bytes: [u8; LONGEST],
    notes: [u64; NOTES],
    from: libc::sockaddr_storage,
}

/// One request of a batch.
pub(crate) struct Arrival<'a> {
    pub(crate) bytes: &'a [u8],
    /// Sender, as the kernel wants it for the answer.
    pub(crate) address: &'a libc::sockaddr_storage,
    pub(crate) from: IpAddr,
    /// Which of our addresses it was sent to.
    pub(crate) local: Option<IpAddr>,
    /// The kernel's timestamp.
    kernel: Option<Wall>,
}

impl Arrival<'_> {
    /// The kernel's timestamp, or the daemon's where the kernel gave none. One from the future was taken before the
    /// clock was stepped back and is worth nothing.
    pub(crate) fn stamp(&self, now: Moment) -> Stamp {
        match self.kernel.filter(|stamp| *stamp <= now.wall) {
            Some(wall) => Stamp { wall, by: StampedBy::Kernel },
            None => Stamp { wall: now.wall, by: StampedBy::Daemon },
        }
    }
}

impl Arrivals {
    pub(crate) fn new() -> Self {
        let slot = || Slot { bytes: [0; LONGEST], notes: [0; NOTES], from: zeroed_address() };
        // SAFETY: all of mmsghdr and iovec may be zero: null pointers with lengths of zero.
        let (header, piece): (libc::mmsghdr, libc::iovec) = unsafe { mem::zeroed() };
        let mut arrivals = Self {
            slots: (0..BATCH).map(|_| slot()).collect(),
            headers: vec![header; BATCH].into(),
            pieces: vec![piece; BATCH],
            used: BATCH,
        };
        let Self { slots, headers, pieces, .. } = &mut arrivals;
        for ((slot, piece), header) in slots.iter_mut().zip(pieces.iter_mut()).zip(headers.iter_mut()) {
            *piece = libc::iovec { iov_base: slot.bytes.as_mut_ptr().cast(), iov_len: LONGEST };
            header.msg_hdr.msg_name = (&raw mut slot.from).cast();
            header.msg_hdr.msg_iov = piece;
            header.msg_hdr.msg_iovlen = 1;
            header.msg_hdr.msg_control = slot.notes.as_mut_ptr().cast();
        }
        arrivals
    }

    /// Fetches what waits; 0 = there was nothing.
    pub(crate) fn receive(&mut self, fd: &OwnedFd, wait: Wait) -> Result<usize, Errno> {
        // The kernel has changed those that it used.
        for header in self.headers.iter_mut().take(self.used) {
            header.msg_len = 0;
            header.msg_hdr.msg_namelen = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
            header.msg_hdr.msg_controllen = size_of::<[u64; NOTES]>() as _;
            header.msg_hdr.msg_flags = 0;
        }
        let flags = match wait {
            Wait::No => 0,
            Wait::ForOne => libc::MSG_WAITFORONE,
        };
        // SAFETY: every header points at its own slot and piece, which are on the heap as long as self, and says their sizes.
        let received = unsafe {
            let headers = self.headers.as_mut_ptr();
            libc::recvmmsg(fd.as_raw_fd(), headers, BATCH as u32, flags, ptr::null_mut())
        };
        let received = Errno::result(received).map(|count| count.unsigned_abs() as usize);
        // One may be spoilt by an error.
        self.used = received.unwrap_or_default().saturating_add(1).min(BATCH);
        match received {
            Err(Errno::EAGAIN | Errno::EINTR) => Ok(0),
            received => received,
        }
    }

    /// One datagram of the batch that was received last.
    pub(crate) fn get(&self, index: usize) -> Option<Arrival<'_>> {
        let (slot, header) = (self.slots.get(index)?, self.headers.get(index)?);
        let (kernel, local) = read_notes(&header.msg_hdr);
        Some(Arrival {
            bytes: slot.bytes.get(..header.msg_len as usize)?,
            address: &slot.from,
            from: ip_of(&slot.from)?,
            local,
            kernel,
        })
    }
}

pub(crate) fn zeroed_address() -> libc::sockaddr_storage {
    // SAFETY: all of a sockaddr_storage may be zero: an unspecified family.
    unsafe { mem::zeroed() }
}

fn ip_of(address: &libc::sockaddr_storage) -> Option<IpAddr> {
    let place = ptr::from_ref(address);
    match i32::from(address.ss_family) {
        libc::AF_INET => {
            // SAFETY: the family says that this is a sockaddr_in, for which a sockaddr_storage has room.
            let v4 = unsafe { &*place.cast::<libc::sockaddr_in>() };
            Some(Ipv4Addr::from(u32::from_be(v4.sin_addr.s_addr)).into())
        }
        libc::AF_INET6 => {
            // SAFETY: the family says that this is a sockaddr_in6, for which a sockaddr_storage has room.
            let v6 = unsafe { &*place.cast::<libc::sockaddr_in6>() };
            Some(Ipv6Addr::from(v6.sin6_addr.s6_addr).into())
        }
        _ => None,
    }
}

/// The kernel's timestamp, and which of our addresses the datagram came to.
fn read_notes(message: &libc::msghdr) -> (Option<Wall>, Option<IpAddr>) {
    let (mut kernel, mut local) = (None, None);
    // SAFETY: the message's control buffer was filled by the kernel; the macros stay inside of the length it says.
    let mut note = unsafe { libc::CMSG_FIRSTHDR(message) };
    // SAFETY: not null, so it is a whole header inside the buffer.
    while let Some(head) = unsafe { note.as_ref() } {
        // SAFETY: a note's data follow its header.
        let data = unsafe { libc::CMSG_DATA(head) };
        match (head.cmsg_level, head.cmsg_type) {
            (libc::SOL_SOCKET, libc::SCM_TIMESTAMPING) => {
                // SAFETY: this note holds three timespecs, of which the first is the software's.
                let stamp = unsafe { ptr::read_unaligned(data.cast::<libc::timespec>()) };
                let wall = stamp.tv_sec.saturating_mul(1_000_000_000).saturating_add(stamp.tv_nsec);
                kernel = (wall != 0).then_some(Wall(wall));
            }
            (libc::IPPROTO_IP, libc::IP_PKTINFO) => {
                // SAFETY: this note holds an in_pktinfo.
                let info = unsafe { ptr::read_unaligned(data.cast::<libc::in_pktinfo>()) };
                // `ipi_addr` may be a broadcast address; `ipi_spec_dst` is always one of ours.
                local = Some(Ipv4Addr::from(u32::from_be(info.ipi_spec_dst.s_addr)).into());
            }
            (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) => {
                // SAFETY: this note holds an in6_pktinfo.
                let info = unsafe { ptr::read_unaligned(data.cast::<libc::in6_pktinfo>()) };
                local = Some(Ipv6Addr::from(info.ipi6_addr.s6_addr).into());
            }
            _ => {}
        }
        // SAFETY: as above; null after the last one.
        note = unsafe { libc::CMSG_NXTHDR(message, head) };
    }
    (kernel, local)
}
