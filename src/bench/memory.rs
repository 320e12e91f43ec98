//! The memory that this process has had, as Linux counts it.

/// Begins a new peak; on systems without `/proc` the peak is that of the whole process.
pub(super) fn forget_peak() {
    std::fs::write("/proc/self/clear_refs", "5").ok();
}

/// The largest resident memory since [`forget_peak`]; 0 where the system does not tell.
pub(super) fn peak_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kibibytes = peak.and_then(|peak| peak.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    kibibytes.unwrap_or_default() * 1024
}
