//! One host as plain data: what is wished ([`desired`]), what is there ([`facts`]), what to do about it ([`plan`])
//! and the words in which controller and host talk about it ([`message`]).

pub mod desired;
pub mod facts;
pub mod message;
pub mod plan;
