//! What a parser process gives up before it sees a document.
//!
//! No descriptor can be opened beyond those it has (so no file and no socket), nothing can be written to a file, no core is
//! dumped, no path can be touched (Landlock, where the kernel has it), and it dies with its parent. Address space and CPU
//! time are set with each document, because they are settings of the pool.

use std::io;

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, CompatLevel, Compatible as _, Ruleset, RulesetAttr as _,
    RulesetStatus,
};
use rustix::process::{
    Resource, Rlimit, Signal, getrlimit, set_parent_process_death_signal, setrlimit,
};
use rustix::time::{ClockId, clock_gettime};

/// Descriptors a parser keeps: the three standard ones and the pipe that answers go to.
const DESCRIPTORS: u64 = 4;

/// Confines the whole process, for good. Called before any other thread exists.
///
/// # Errors
/// A limit that could not be set; a kernel without Landlock is none, but is told in the log of the parent.
pub(super) fn confine_process() -> io::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    set_limit(Resource::Core, 0)?;
    set_limit(Resource::Fsize, 0)?;
    set_limit(Resource::Nofile, DESCRIPTORS)?;
    Ok(())
}

/// Forbids every access to paths and TCP. Returns whether the kernel enforces all of it; needs a free descriptor.
pub(super) fn forbid_paths() -> bool {
    let abi = ABI::V5;
    let restricted = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(abi))
        .and_then(|rules| rules.handle_access(AccessNet::from_all(abi)))
        .and_then(Ruleset::create)
        .and_then(landlock::RulesetCreated::restrict_self);
    restricted.is_ok_and(|status| status.ruleset == RulesetStatus::FullyEnforced)
}

/// Sets what the next document may take: address space in all, and CPU seconds from now.
///
/// # Errors
/// The kernel refuses the limit.
pub(super) fn set_budget(memory_bytes: u64, cpu_seconds: u64) -> io::Result<()> {
    set_soft_limit(Resource::As, memory_bytes)?;
    let used = clock_gettime(ClockId::ProcessCPUTime)
        .tv_sec
        .cast_unsigned();
    set_soft_limit(
        Resource::Cpu,
        used.saturating_add(cpu_seconds).saturating_add(1),
    )
}

fn set_limit(resource: Resource, value: u64) -> io::Result<()> {
    let limit = Rlimit {
        current: Some(value),
        maximum: Some(value),
    };
    Ok(setrlimit(resource, limit)?)
}

/// Leaves the hard limit as it is, so that the next document may have more.
fn set_soft_limit(resource: Resource, value: u64) -> io::Result<()> {
    let maximum = getrlimit(resource).maximum;
    let limit = Rlimit {
        current: Some(maximum.map_or(value, |maximum| value.min(maximum))),
        maximum,
    };
    Ok(setrlimit(resource, limit)?)
}
