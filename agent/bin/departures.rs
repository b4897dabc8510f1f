//! Answers in batches: one sendmmsg(2) sends all of them, each from the address that was asked.

use std::mem;
use std::net::IpAddr;
use std::os::fd::{AsRawFd, OwnedFd};
use std::ptr;

use nix::errno::Errno;
use timefleet_agent::server::LONGEST_ANSWER;

use crate::arrivals::{Arrival, BATCH, zeroed_address};

/// Room for an address and a wish for a timestamp, in words so that they are aligned.
const NOTES: usize = 10;

/// Where a batch is made; all of its memory is allocated once.
pub(crate) struct Departures {
    slots: Vec<Slot>,
    headers: Box<[libc::mmsghdr]>,
    pieces: Vec<libc::iovec>,
    count: usize,
    /// There is no sendmmsg here (simulators).
    one_by_one: bool,
    /// The kernel takes no wish for a timestamp with a single datagram.
    without_stamps: bool,
}

/// One answer's place.
struct Slot {
    bytes: [u8; LONGEST_ANSWER],
    length: usize,
    /// The address to send from, then perhaps the wish for a timestamp.
    notes: [u64; NOTES],
    address_length: usize,
    notes_length: usize,
    to: libc::sockaddr_storage,
}

impl Departures {
    pub(crate) fn new() -> Self {
        let slot = || Slot {
            bytes: [0; LONGEST_ANSWER],
            length: 0,
            notes: [0; NOTES],
            address_length: 0,
            notes_length: 0,
            to: zeroed_address(),
        };
        // SAFETY: all of mmsghdr and iovec may be zero: null pointers with lengths of zero.
        let (header, piece): (libc::mmsghdr, libc::iovec) = unsafe { mem::zeroed() };
        Self {
            slots: (0..BATCH).map(|_| slot()).collect(),
            headers: vec![header; BATCH].into(),
            pieces: vec![piece; BATCH],
            count: 0,
            one_by_one: false,
            without_stamps: false,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// Nothing of it is sent.
    pub(crate) fn clear(&mut self) {
        self.count = 0;
    }

    /// Where the next answer is written.
    pub(crate) fn next(&mut self) -> Option<&mut [u8; LONGEST_ANSWER]> {
        self.slots.get_mut(self.count).map(|slot| &mut slot.bytes)
    }

    /// What was written goes back where the request came from. With `stamped` the kernel is asked to tell when it left;
    /// true = it was asked.
    pub(crate) fn push(&mut self, to: &Arrival<'_>, length: usize, stamped: bool) -> bool {
        let stamped = stamped && !self.without_stamps;
        if let Some(slot) = self.slots.get_mut(self.count) {
            slot.length = length;
            slot.to = *to.address;
            slot.write_notes(to.local, stamped);
            self.count += 1;
        }
        stamped
    }

    /// Sends all; returns the first error. What cannot be sent is lost, as on the way.
    pub(crate) fn send(&mut self, fd: &OwnedFd) -> Result<(), Errno> {
        let mut result = Ok(());
        let mut first = 0;
        self.point();
        while first < self.count {
            match self.send_from(fd, first) {
                Ok(sent) => first += sent.max(1),
                Err(Errno::EINTR) => {}
                Err(Errno::EBADF | Errno::ENOSYS) if !self.one_by_one => self.one_by_one = true,
                Err(Errno::EINVAL)
                    if !self.without_stamps && self.slots.get(first).is_some_and(Slot::wants_stamp) =>
                {
                    self.without_stamps = true;
                    self.point();
                }
                Err(error) => {
                    result = result.and(Err(error));
                    first += 1;
                }
            }
        }
        self.count = 0;
        result
    }

    fn send_from(&mut self, fd: &OwnedFd, first: usize) -> Result<usize, Errno> {
        let rest = self.headers.get_mut(first..self.count).unwrap_or_default();
        if self.one_by_one {
            let Some(header) = rest.first() else { return Ok(0) };
            // SAFETY: the header points at its own slot and piece, which live as long as self, and says their sizes.
            let sent = unsafe { libc::sendmsg(fd.as_raw_fd(), &raw const header.msg_hdr, 0) };
            return Errno::result(sent).map(|_| 1);
        }
        // SAFETY: as above, for each of them.
        let sent = unsafe { libc::sendmmsg(fd.as_raw_fd(), rest.as_mut_ptr(), rest.len() as u32, 0) };
        Errno::result(sent).map(|sent| sent.unsigned_abs() as usize)
    }

    /// Points the headers at the slots.
    fn point(&mut self) {
        let without_stamps = self.without_stamps;
        let places = self.slots.iter_mut().zip(self.pieces.iter_mut()).zip(self.headers.iter_mut());
        for ((slot, piece), header) in places.take(self.count) {
            *piece = libc::iovec { iov_base: slot.bytes.as_mut_ptr().cast(), iov_len: slot.length };
            header.msg_hdr.msg_name = (&raw mut slot.to).cast();
            header.msg_hdr.msg_namelen = address_length(&slot.to);
            header.msg_hdr.msg_iov = piece;
            header.msg_hdr.msg_iovlen = 1;
            let notes = if without_stamps { slot.address_length } else { slot.notes_length };
            header.msg_hdr.msg_control =
                if notes == 0 { ptr::null_mut() } else { slot.notes.as_mut_ptr().cast() };
            header.msg_hdr.msg_controllen = notes as _;
        }
    }
}

impl Slot {
    fn wants_stamp(&self) -> bool {
        self.notes_length > self.address_length
    }

    fn write_notes(&mut self, from: Option<IpAddr>, stamped: bool) {
        // Index 0: whichever interface the route says.
        let end = match from.filter(|address| !address.is_multicast() && !address.is_unspecified()) {
            None => 0,
            Some(IpAddr::V4(address)) => {
                let local = libc::in_addr { s_addr: u32::from(address).to_be() };
                let anywhere = libc::in_addr { s_addr: 0 };
                let info = libc::in_pktinfo { ipi_ifindex: 0, ipi_spec_dst: local, ipi_addr: anywhere };
                put_note(&mut self.notes, 0, (libc::IPPROTO_IP, libc::IP_PKTINFO), info)
            }
            Some(IpAddr::V6(address)) => {
                let local = libc::in6_addr { s6_addr: address.octets() };
                let info = libc::in6_pktinfo { ipi6_addr: local, ipi6_ifindex: 0 };
                put_note(&mut self.notes, 0, (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO), info)
            }
        };
        self.address_length = end;
        self.notes_length = if stamped {
            let wish: u32 = libc::SOF_TIMESTAMPING_TX_SOFTWARE;
            put_note(&mut self.notes, end, (libc::SOL_SOCKET, libc::SO_TIMESTAMPING), wish)
        } else {
            end
        };
    }
}

/// Writes one note behind `at` bytes of others; returns how many there are now.
fn put_note<T: Copy>(notes: &mut [u64; NOTES], at: usize, (level, kind): (i32, i32), value: T) -> usize {
    // SAFETY: these two only compute with sizes.
    let (length, space) =
        unsafe { (libc::CMSG_LEN(size_of::<T>() as u32), libc::CMSG_SPACE(size_of::<T>() as u32) as usize) };
    let head = libc::cmsghdr { cmsg_len: length as _, cmsg_level: level, cmsg_type: kind };
    if at + space > size_of_val(notes) {
        return at;
    }
    // SAFETY: there is room for the whole note behind `at`, as just compared; every note's space is a multiple of the
    // alignment, so the header is aligned, and its data are where the macro says.
    unsafe {
        let place = notes.as_mut_ptr().cast::<u8>().add(at).cast::<libc::cmsghdr>();
        place.write(head);
        libc::CMSG_DATA(place).cast::<T>().write_unaligned(value);
    }
    at + space
}

fn address_length(address: &libc::sockaddr_storage) -> libc::socklen_t {
    let length = match i32::from(address.ss_family) {
        libc::AF_INET => size_of::<libc::sockaddr_in>(),
        _ => size_of::<libc::sockaddr_in6>(),
    };
    length as libc::socklen_t
}
