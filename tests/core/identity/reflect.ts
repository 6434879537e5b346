/** The three functions of the metadata proposal that @peculiar/x509's container asks for; import before the library. */
type Metadata = Map<unknown, unknown>;

const byTarget = new WeakMap<object, Metadata>();
const getOwn = (key: unknown, target: object): unknown => byTarget.get(target)?.get(key);

Object.assign(Reflect, {
  getMetadata: getOwn,
  getOwnMetadata: getOwn,
  defineMetadata: (key: unknown, value: unknown, target: object) => {
    const metadata: Metadata = byTarget.get(target) ?? new Map();
    byTarget.set(target, metadata.set(key, value));
  },
});
