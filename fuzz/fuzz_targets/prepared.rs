#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    (treaty_decoders::target("prepared").check)(bytes);
});
