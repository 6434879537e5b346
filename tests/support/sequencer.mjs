// The journeys start whole demos and take longest: begun first, they run beside everything else.
const isJourney = (test) => test.path.includes("/tests/journeys/");

export default class JourneysFirst {
  sort(tests) {
    return [...tests].sort((a, b) => Number(isJourney(b)) - Number(isJourney(a)) || a.path.localeCompare(b.path));
  }

  shard(tests, { shardIndex, shardCount }) {
    return tests.filter((_, index) => index % shardCount === shardIndex - 1);
  }

  allFailedTests(tests) {
    return tests;
  }

  cacheResults() {}
}
