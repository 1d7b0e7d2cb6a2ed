export const metadata = { title: 'An example with Next.js' };
export const viewport = { colorScheme: 'light dark' };

export default function Layout({ children }) {
  return (
    <html lang="en">
      <body>{children}</body>
    </html>
  );
}
