/** The frame of every page. */

import type { Metadata, Viewport } from 'next';

export const metadata: Metadata = { title: 'An example with Next.js' };
export const viewport: Viewport = { colorScheme: 'light dark' };

export default function Layout({ children }: { children: React.ReactNode }) {
  return (
    <html lang="en">
      <body>{children}</body>
    </html>
  );
}
