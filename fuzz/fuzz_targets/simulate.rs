//! libFuzzer's door to `nodeplan_fuzz::simulate`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| nodeplan_fuzz::simulate::run(data));
libfuzzer_sys::fuzz_mutator!(|data: &mut [u8], size: usize, most: usize, seed: u32| {
    nodeplan_fuzz::mutate::in_place(data, size, most, seed, libfuzzer_sys::fuzzer_mutate)
});
