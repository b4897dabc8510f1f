//! What an ELF file says of itself in its headers: for which machine it is, and whether it needs a loader.
//!
//! Shared with `build.rs`. Layout: System V ABI, chapters "ELF Header" and "Program Header"; machine numbers:
//! <elf.h>.

/// The headers of one executable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Elf {
    /// `e_machine`.
    pub(crate) machine: u16,
    /// No `PT_INTERP`: the kernel runs it without any loader or library of the host's.
    pub(crate) is_static: bool,
}

const PT_INTERP: u32 = 3;
const CLASS_64: u8 = 2;
const BIG_ENDIAN: u8 = 2;

/// Reads integers in the file's own byte order; `None` = the file ends before.
struct Reader<'a> {
    bytes: &'a [u8],
    big_endian: bool,
}

impl Reader<'_> {
    fn array<const N: usize>(&self, at: usize) -> Option<[u8; N]> {
        self.bytes.get(at..at.checked_add(N)?)?.try_into().ok()
    }

    fn u16(&self, at: usize) -> Option<u16> {
        let raw = self.array(at)?;
        Some(if self.big_endian { u16::from_be_bytes(raw) } else { u16::from_le_bytes(raw) })
    }

    fn u32(&self, at: usize) -> Option<u32> {
        let raw = self.array(at)?;
        Some(if self.big_endian { u32::from_be_bytes(raw) } else { u32::from_le_bytes(raw) })
    }

    fn u64(&self, at: usize) -> Option<u64> {
        let raw = self.array(at)?;
        Some(if self.big_endian { u64::from_be_bytes(raw) } else { u64::from_le_bytes(raw) })
    }
}

impl Elf {
    /// Reads the headers; `None` when the bytes are not a whole ELF header with its program headers.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Elf> {
        if bytes.get(..4)? != b"\x7fELF" {
            return None;
        }
        let wide = *bytes.get(4)? == CLASS_64;
        let read = Reader { bytes, big_endian: *bytes.get(5)? == BIG_ENDIAN };
        let (table, entry_size, entries) = if wide {
            (read.u64(32)?, read.u16(54)?, read.u16(56)?)
        } else {
            (u64::from(read.u32(28)?), read.u16(42)?, read.u16(44)?)
        };
        let table = usize::try_from(table).ok()?;
        let mut is_static = true;
        for entry in 0..usize::from(entries) {
            let at = table.checked_add(entry.checked_mul(usize::from(entry_size))?)?;
            is_static &= read.u32(at)? != PT_INTERP;
        }
        Some(Elf { machine: read.u16(18)?, is_static })
    }

    /// The machine number that `uname -m` stands for; `None` = a name this program does not know.
    pub(crate) fn machine_of(arch: &str) -> Option<u16> {
        Some(match arch {
            "x86_64" => 62,
            "aarch64" => 183,
            "armv7l" | "armv6l" => 40,
            "i686" | "i586" | "i386" => 3,
            "ppc64le" => 21,
            "riscv64" => 243,
            "s390x" => 22,
            _ => return None,
        })
    }
}
