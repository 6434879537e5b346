interface Lock {
  readonly packages: Readonly<Record<string, { readonly optionalDependencies?: Readonly<Record<string, string>> }>>;
}
export function missingOptional(lock: Lock): [name: string, version: string][];
export function platformEntry(name: string, version: string): object | undefined;
