//! The byte form of a slice of elements, without a copy.
#![allow(unsafe_code, reason = "the one cast from elements to bytes, argued below")]

#[cfg(target_endian = "big")]
compile_error!("elements are sent as they lie in memory, which must be little-endian");

/// Types whose memory is their byte form: integers, and transparent wrappers of them.
///
/// # Safety
/// Every byte of a value is initialised: no padding.
pub(crate) unsafe trait Plain: Copy {}

// SAFETY: an integer has no padding.
unsafe impl Plain for u64 {}
// SAFETY: an integer has no padding.
unsafe impl Plain for u128 {}
// SAFETY: a transparent wrapper of an integer.
unsafe impl Plain for crate::lanes::Lanes {}
// SAFETY: a transparent wrapper of an integer.
unsafe impl Plain for crate::mersenne::Mersenne61 {}
// SAFETY: a transparent wrapper of an integer.
unsafe impl Plain for crate::field::Gf64 {}
// SAFETY: a transparent wrapper of an array of integers.
unsafe impl Plain for crate::wide::Wide {}

/// The memory of `values`.
pub(crate) fn of_plain<T: Plain>(values: &[T]) -> &[u8] {
    // SAFETY: the slice's memory is initialised byte for byte (`Plain`), lives as long as the borrow, isn't written
    // meanwhile, and bytes need no alignment; its size in bytes is that of the slice, so it doesn't overflow.
    unsafe { std::slice::from_raw_parts(values.as_ptr().cast::<u8>(), size_of_val(values)) }
}
