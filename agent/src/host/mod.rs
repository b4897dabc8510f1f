//! One host as plain data: what is wished ([`desired`]), what is there ([`facts`]), what lies between the two
//! ([`gap`]), what to do about it ([`plan`]) or to say about it ([`drift`]), and the words in which controller and
//! host talk ([`message`]).

pub mod desired;
pub mod drift;
pub mod facts;
pub mod gap;
pub mod message;
pub mod plan;
