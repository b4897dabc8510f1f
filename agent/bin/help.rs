//! What `--help` prints.

pub(crate) const HELP: &str = "\
timefleet-agent keeps this machine's clock right and serves its time to others.

Usage:
  timefleet-agent [options]                 run with a configuration file
  timefleet-agent [options] 'directive'...  run with these lines instead of a file
  timefleet-agent host                      answer a timefleet controller (it starts this itself)

The configuration is chrony's: see chrony.conf(5). The program stays in the foreground and logs to
standard error. Ask it with chrony's own chronyc. The options are chronyd's.

Options:
  -f FILE         read this configuration file (default: /etc/timefleet/agent.conf)
  -4              use IPv4 only: no other sockets, no other lookups
  -6              use IPv6 only
  -x              leave the clock alone; measure and serve as usual
  -q              measure, correct the clock once, print what it was off by, and exit;
                  serves nobody and writes no files meanwhile
  -Q              like -q, but only print it; needs no privileges
  -t SECONDS      exit after this time, with 1 if the clock is not synchronised by then
                  (default with -q and -Q: 30)
  -p              check the configuration, print it with all files that it includes, and exit
  -R              this is a restart: no 'makestep' that counts updates, no 'initstepslew'
  -r              take up the samples that the last run left in 'dumpdir', if nobody touched
                  the clock since then
  -s              set the clock to the time of the drift file if it is behind that
  -l FILE         log to this file instead of standard error
  -L LEVEL        log nothing below this: 0 information, 1 warnings, 2 errors, 3 what ends it
                  (-1: debug messages too)
  -d              stay in the foreground (it always does); given twice, log debug messages too
  -n              stay in the foreground (it always does)
  -u USER         started by root, become this user and keep only the rights to set the clock and to
                  bind ports below 1024 (default: the directive 'user', else stay root)
  -U              do not complain when somebody else than root shall become USER: stay who you are
  -m              lock the program in memory, so that it is never swapped out
  -P PRIORITY     run before all other programs, with this real-time priority (1 to 99)
  -F LEVEL        have the kernel end the program when it makes a system call that it does not need
                  (1) or that can only do harm (2); -1 and -2: by SIGSYS, to debug it; default: 0
  --run-dir DIR   where running.json is written (default: /run/timefleet)
  -v, --version   print the version
  -h, --help      print this

Examples:
  timefleet-agent -q 'server 172.16.11.141 iburst'    set the clock once, as ntpdate did
  timefleet-agent -Q 'pool pool.ntp.org'              only look how far off it is
  timefleet-agent -4 -f /etc/timefleet/agent.conf     as the service runs
  timefleet-agent -p -f /etc/chrony.conf              would it understand this file?

Signals: TERM and INT end it cleanly, HUP makes it read its configuration again.

Exit codes: 0 ended as it should; 1 it could not do its work, or the clock was not synchronised in
time; 2 the command line or the configuration is wrong.
";
