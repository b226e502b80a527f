export interface Site {
  readonly address: string;
  close(): Promise<void>;
}
export function serveSite(options?: { port?: number; isolated?: boolean; folder?: string }): Promise<Site>;
