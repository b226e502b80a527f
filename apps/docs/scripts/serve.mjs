// pnpm preview: the built site, with the headers that WASM's threads need.
import { serveSite } from './site.mjs';

const { address } = await serveSite({ port: Number(process.env.PORT ?? 4173) });
console.log(address);
