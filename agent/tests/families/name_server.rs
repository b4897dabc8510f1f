//! A DNS server that knows one name and remembers what it was asked (RFC 1035).

use std::net::{Ipv4Addr, Ipv6Addr, UdpSocket};
use std::sync::{Arc, Mutex};

/// Type of a question for IPv4 addresses.
pub(crate) const A: u16 = 1;
/// Type of a question for IPv6 addresses.
pub(crate) const AAAA: u16 = 28;

/// A name, and the type of what was wanted.
pub(crate) type Question = (String, u16);

/// What it was asked so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct NameServer {
    questions: Arc<Mutex<Vec<Question>>>,
}

const HEADER: usize = 12;

impl NameServer {
    /// Answers on this socket from a thread of its own, as long as the test runs.
    pub(crate) fn start(socket: UdpSocket, v4: Ipv4Addr, v6: Ipv6Addr) -> Self {
        let server = Self::default();
        let questions = Arc::clone(&server.questions);
        std::thread::spawn(move || {
            let mut bytes = [0; 512];
            while let Ok((length, from)) = socket.recv_from(&mut bytes) {
                let request = bytes.get(..length).unwrap();
                let Some((question, end)) = read(request) else { continue };
                let data = match question.1 {
                    A => v4.octets().to_vec(),
                    AAAA => v6.octets().to_vec(),
                    _ => Vec::new(),
                };
                let answer = answer(request.get(..end).unwrap(), question.1, &data);
                questions.lock().unwrap().push(question);
                socket.send_to(&answer, from).unwrap();
            }
        });
        server
    }

    pub(crate) fn questions(&self) -> Vec<Question> {
        self.questions.lock().unwrap().clone()
    }
}

/// The only question of a request, and where it ends.
fn read(bytes: &[u8]) -> Option<(Question, usize)> {
    let (mut labels, mut at) = (Vec::new(), HEADER);
    loop {
        let length = usize::from(*bytes.get(at)?);
        at += 1;
        if length == 0 {
            break;
        }
        labels.push(String::from_utf8(bytes.get(at..at + length)?.to_vec()).ok()?);
        at += length;
    }
    let kind = u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?);
    Some(((labels.join("."), kind), at + 4))
}

/// One record for the question, or none where there is no data.
fn answer(request: &[u8], kind: u16, data: &[u8]) -> Vec<u8> {
    let records = u8::from(!data.is_empty());
    let mut answer = request.to_vec();
    // A reply, with authority, recursion available; one question, so many answers, nothing else.
    answer.get_mut(2..HEADER).unwrap().copy_from_slice(&[0x85, 0x80, 0, 1, 0, records, 0, 0, 0, 0]);
    if records == 1 {
        // The name stands at byte 12; class IN; a minute to live.
        answer.extend([0xC0, 12]);
        answer.extend(kind.to_be_bytes());
        answer.extend([0, 1, 0, 0, 0, 60]);
        answer.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
        answer.extend(data);
    }
    answer
}
