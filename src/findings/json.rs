//! A document that ends with its line, written as it is made: a large fleet can have gigabytes of findings.

use std::io::{self, Write};

use serde::{Serialize, Serializer};

pub(super) fn document<T: Serialize>(value: &T, to: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *to, value)?;
    to.write_all(b"\n")
}

/// A list whose items live no longer than it takes to write them.
pub(super) struct Each<F>(pub(super) F);

impl<F, I> Serialize for Each<F>
where
    F: Fn() -> I,
    I: IntoIterator<Item: Serialize>,
{
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq((self.0)())
    }
}
