//! Which vector unit this processor has, and how a loop is compiled once for each.
#![expect(
    unsafe_code,
    reason = "a function compiled for a vector unit may only be called where the unit was detected"
)]

/// Vector units that the loops are compiled for.
#[derive(Clone, Copy)]
pub(super) enum Unit {
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    Portable,
}

/// The best unit of this processor. The standard library remembers the answer, so asking is one load.
#[inline]
pub(super) fn detected() -> Unit {
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("fma") {
            return Unit::Avx512;
        }
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            return Unit::Avx2;
        }
    }
    Unit::Portable
}

/// Runs `body`, a closure marked `#[inline(always)]` inside, compiled for the detected unit. Rust never fuses or
/// reorders float operations, so every unit gives the same bits.
#[inline]
pub(super) fn vectorised<T>(body: impl FnOnce() -> T) -> T {
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "avx512f")]
        fn wide<T>(body: impl FnOnce() -> T) -> T {
            body()
        }
        #[target_feature(enable = "avx2")]
        fn medium<T>(body: impl FnOnce() -> T) -> T {
            body()
        }
        match detected() {
            // SAFETY: the unit was detected.
            Unit::Avx512 => return unsafe { wide(body) },
            // SAFETY: as above.
            Unit::Avx2 => return unsafe { medium(body) },
            Unit::Portable => {}
        }
    }
    body()
}
