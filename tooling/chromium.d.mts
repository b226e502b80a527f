export const CHROMIUM_FLAGS: string[];
export function chromiumPath(): string | undefined;
export function ensureChromium(): string;
export function vulkanOf(chromium: string): Record<string, string>;
