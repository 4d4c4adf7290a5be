//! What the system knows of processes: datagrams it had no room for, memory, time on a processor.

use std::collections::HashSet;
use std::fs;
use std::time::Duration;

/// Datagrams that the system has dropped in front of the UDP sockets bound to `port`, because
/// they were not read in time.
pub fn drops_at(port: u16) -> u64 {
    sockets()
        .filter(|socket| socket.local_port == port)
        .map(|socket| socket.drops)
        .sum()
}

/// Datagrams that the system has dropped in front of this process's own UDP sockets that are
/// connected to `port`.
pub fn own_drops_from(port: u16) -> u64 {
    let own: HashSet<String> = fs::read_dir("/proc/self/fd")
        .expect("a process sees its own files")
        .filter_map(|file| fs::read_link(file.ok()?.path()).ok())
        .map(|link| link.display().to_string())
        .collect();
    sockets()
        .filter(|socket| socket.remote_port == port)
        .filter(|socket| own.contains(&format!("socket:[{}]", socket.inode)))
        .map(|socket| socket.drops)
        .sum()
}

/// Memory of a process that is in RAM, in bytes; 0 once it is gone.
pub fn resident(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    kilobytes.unwrap_or_default() * 1024
}

/// How long a process has been on a processor, all its living threads together.
pub fn cpu(pid: u32) -> Duration {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).expect("the process runs");
    let on_cpu = threads.filter_map(|thread| {
        let text = fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(on_cpu.sum())
}

/// The processes that have this in their environment, such as `PORT=1`, with their arguments.
pub fn of_environment(variable: &str) -> impl Iterator<Item = (u32, Vec<String>)> {
    let parts = |file: String| {
        let text = fs::read(file).unwrap_or_default();
        let parts = text.split(|&byte| byte == 0);
        parts
            .map(|part| String::from_utf8_lossy(part).into_owned())
            .collect::<Vec<_>>()
    };
    let processes = fs::read_dir("/proc").expect("Linux shows its processes");
    processes.filter_map(move |process| {
        let pid: u32 = process.ok()?.file_name().to_str()?.parse().ok()?;
        let has = parts(format!("/proc/{pid}/environ"))
            .iter()
            .any(|one| one == variable);
        has.then(|| (pid, parts(format!("/proc/{pid}/cmdline"))))
    })
}

struct Socket {
    local_port: u16,
    remote_port: u16,
    inode: u64,
    drops: u64,
}

/// The UDP sockets over IPv4 (`Documentation/networking/proc_net_tcp.rst` of Linux tells the
/// columns; the last one of UDP counts drops).
fn sockets() -> impl Iterator<Item = Socket> {
    let table = fs::read_to_string("/proc/net/udp").expect("Linux shows its sockets");
    let lines: Vec<String> = table.lines().skip(1).map(str::to_owned).collect();
    lines.into_iter().filter_map(|line| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let port = |column: &str| u16::from_str_radix(column.rsplit(':').next()?, 16).ok();
        Some(Socket {
            local_port: port(columns.get(1)?)?,
            remote_port: port(columns.get(2)?)?,
            inode: columns.get(9)?.parse().ok()?,
            drops: columns.last()?.parse().ok()?,
        })
    })
}
