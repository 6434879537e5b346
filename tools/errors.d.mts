export function fail(code: string, message: string, fix?: string): never;
