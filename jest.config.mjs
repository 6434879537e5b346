/** `npm test` runs everything that needs Node alone; `npm run test:real` sets OUTRIDER_REAL=1 and runs tests/real. */
const real = process.env.OUTRIDER_REAL === "1";

export default {
  rootDir: ".",
  testEnvironment: "node",
  extensionsToTreatAsEsm: [".ts"],
  testSequencer: "<rootDir>/tests/support/sequencer.mjs",
  transform: { "\\.ts$": "<rootDir>/tests/support/transform.mjs" },
  testMatch: real ? ["<rootDir>/tests/real/**/*.test.ts"] : ["<rootDir>/tests/**/*.test.ts"],
  testPathIgnorePatterns: real ? [] : ["<rootDir>/tests/real/"],
  modulePathIgnorePatterns: ["<rootDir>/dist/", "<rootDir>/.cache/", "<rootDir>/.parts/"],
  maxWorkers: "100%", // the journeys mostly wait
  workerIdleMemoryLimit: "512MB",
  testTimeout: 20_000,
};
