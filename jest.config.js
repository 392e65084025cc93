import { availableParallelism } from 'node:os';

/** @type {import('jest').Config} */
export default {
  testEnvironment: '<rootDir>/test/environment.mjs',
  roots: ['<rootDir>/test'],
  testMatch: ['**/*.test.ts'],
  globalSetup: '<rootDir>/test/globalSetup.mjs',
  globalTeardown: '<rootDir>/test/globalTeardown.mjs',
  extensionsToTreatAsEsm: ['.ts'],
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1', '^#src/(.*)\\.js$': '<rootDir>/src/$1' },
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      {
        jsc: {
          target: 'es2022',
          parser: { syntax: 'typescript', explicitResourceManagement: true },
          transform: { useDefineForClassFields: true },
        },
        module: { type: 'es6' },
      },
    ],
  },
  testSequencer: '<rootDir>/test/slowFirst.cjs',
  reporters: ['default', '<rootDir>/test/reporter.mjs'],
  // The longest test takes a minute of a quiet machine; a busy one may need ten times that.
  testTimeout: 600_000,
  // libtorch is taken down as a process ends, which takes longer than the half second that jest waits for on a busy machine.
  workerGracefulExitTimeout: 30_000,
  // A file's tests are one thread, which waits for files and for processes that it started a third of its time.
  maxWorkers: availableParallelism() + 2,
};
