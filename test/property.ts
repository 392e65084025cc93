import fc from 'fast-check';

// The same cases each time; SPURMEM_FUZZ_SEED gives others.
fc.configureGlobal({ seed: Number(process.env.SPURMEM_FUZZ_SEED ?? 1) });

export default fc;
