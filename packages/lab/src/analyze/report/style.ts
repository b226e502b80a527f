/** Light and dark by the reader's system. Series colours have at least 3:1 against the page in both. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --page: #ffffff; --text: #1c2128; --quiet: #57606a; --line: #d8dee4; --panel: #f6f8fa; --link: #0b5cad;
  --series-1: #2166ac; --series-2: #c4590a; --series-3: #2b7a4b; --series-4: #8250b8; --series-5: #b52f6f; --series-6: #6b7785; --series-7: #8a6d00; --series-8: #0f7c87;
  --above: #4c8fd0; --below: #e08a45;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #14181d; --text: #e3e8ee; --quiet: #9aa6b2; --line: #343c45; --panel: #1c2229; --link: #7cb8f5;
    --series-1: #6aaef0; --series-2: #f2995a; --series-3: #63c68e; --series-4: #bd9af2; --series-5: #f287b3; --series-6: #98a4b1; --series-7: #d9b949; --series-8: #56c5d0;
    --above: #4a8fd6; --below: #c8742f;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--text); font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main { max-width: 1120px; margin: 0 auto; padding: 32px 24px 64px; }
p, ul, dl, figcaption { max-width: 78ch; }
h1 { font-size: 28px; line-height: 1.25; margin: 0 0 8px; }
h2 { font-size: 22px; margin: 48px 0 8px; padding-top: 16px; border-top: 1px solid var(--line); }
h3 { font-size: 17px; margin: 32px 0 8px; }
h5 { font-size: 13px; font-weight: 600; margin: 0 0 4px; }
.lead { color: var(--quiet); }
nav { display: flex; flex-wrap: wrap; gap: 4px 20px; margin: 24px 0; }
a { color: var(--link); }
figure { margin: 0 0 32px; }
figcaption { color: var(--quiet); font-size: 14px; margin: 8px 0; }
.plots { display: flex; flex-wrap: wrap; gap: 20px 24px; }
.panel { max-width: 100%; overflow-x: auto; }
.plot { display: block; max-width: none; font-family: inherit; overflow: visible; --plot-background: var(--page); }
.plot text { white-space: pre; font-size: 11px; }
.plot [aria-label="text"] text { font-size: inherit; }
.legend { display: flex; flex-wrap: wrap; gap: 2px 18px; font-size: 13px; margin: 0 0 8px; }
.legend i { display: inline-block; width: 12px; height: 12px; border-radius: 3px; margin-right: 6px; vertical-align: -1px; }
details { margin-top: 8px; }
summary { cursor: pointer; font-size: 14px; color: var(--link); }
.scroll { overflow-x: auto; max-height: 420px; overflow-y: auto; margin: 8px 0; border: 1px solid var(--line); border-radius: 6px; width: fit-content; max-width: 100%; }
table { border-collapse: collapse; font-size: 13px; }
th, td { padding: 4px 10px; text-align: left; white-space: nowrap; border-bottom: 1px solid var(--line); }
tbody tr:last-child td { border-bottom: 0; }
th { position: sticky; top: 0; background: var(--panel); font-weight: 600; }
.n { text-align: right; font-variant-numeric: tabular-nums; }
.file { font-size: 12px; color: var(--quiet); margin: 0; }
dt { font-weight: 600; margin-top: 8px; }
dd { margin: 0; }
footer { margin-top: 48px; color: var(--quiet); font-size: 13px; }
@media print { details::details-content { content-visibility: visible; } .scroll { max-height: none; overflow: visible; } }
`;
