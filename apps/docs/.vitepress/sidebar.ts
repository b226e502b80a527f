import type { DefaultTheme } from 'vitepress';

const PACKAGES = [
  'core',
  'graph',
  'compiler',
  'runtime',
  'onnxruntime',
  'tfjs',
  'transformers',
  'tasks',
  'hub',
  'conformance',
  'cli',
  'lab',
];

export const nav: DefaultTheme.NavItem[] = [
  { text: 'Start', link: '/guides/start' },
  { text: 'Concepts', link: '/concepts/method', activeMatch: '/concepts/' },
  { text: 'Packages', link: '/packages/', activeMatch: '/packages/' },
  {
    text: 'Reference',
    items: [
      { text: 'API', link: '/api/' },
      { text: 'Conformance', link: '/conformance' },
      { text: 'Benchmarks', link: '/benchmarks' },
      { text: 'Troubleshooting', link: '/troubleshooting/' },
    ],
  },
  { text: 'Playground', link: '/playground' },
];

/** One for all pages. */
export const sidebar: DefaultTheme.SidebarItem[] = [
  {
    text: 'Guides',
    items: [
      { text: 'Start', link: '/guides/start' },
      { text: 'Your own data', link: '/guides/data' },
      { text: 'The browser and workers', link: '/guides/browser' },
      { text: 'Serving many adapters', link: '/guides/serving' },
      { text: 'Sweeps and reports', link: '/guides/sweeps' },
      { text: 'CUDA', link: '/guides/cuda' },
      { text: 'PEFT and Python', link: '/guides/peft' },
      { text: 'Adapters in PyTorch', link: '/guides/pytorch' },
      { text: 'A new runtime', link: '/guides/runtime' },
    ],
  },
  {
    text: 'Concepts',
    items: [
      { text: 'The method', link: '/concepts/method' },
      { text: 'Sites and norms', link: '/concepts/sites' },
      { text: 'Two stages', link: '/concepts/stages' },
      { text: 'Folding', link: '/concepts/folding' },
      { text: 'Redundancy', link: '/concepts/redundancy' },
    ],
  },
  {
    text: 'Packages',
    collapsed: false,
    items: [
      { text: 'Overview', link: '/packages/' },
      ...PACKAGES.map((name) => ({ text: name, link: `/packages/${name}` })),
      { text: 'fixtures', link: '/packages/fixtures' },
    ],
  },
  {
    text: 'Reference',
    items: [
      {
        text: 'API',
        link: '/api/',
        collapsed: true,
        items: [
          'core',
          'core/analysis',
          'core/folder',
          'graph',
          'compiler',
          'runtime',
          'onnxruntime',
          'onnxruntime/web',
          'onnxruntime/conformance',
          'tfjs',
          'tfjs/keras',
          'tfjs/conformance',
          'transformers',
          'tasks',
          'hub',
          'hub/node',
          'conformance',
          'conformance/node',
          'cli',
          'lab',
          'lab/commands',
        ].map((name) => ({ text: name, link: `/api/${name}` })),
      },
      { text: 'Conformance', link: '/conformance' },
      { text: 'Benchmarks', link: '/benchmarks' },
      {
        text: 'Troubleshooting',
        link: '/troubleshooting/',
        collapsed: true,
        items: PACKAGES.map((name) => ({ text: name, link: `/troubleshooting/${name}` })),
      },
      { text: 'Contributing', link: '/contributing' },
    ],
  },
];
