//! One SSH session to one host: the user's own settings, known hosts, authentication, jump hosts.
