/** How large an answer may be, by what is asked for. Bytes, counted after decompression. */

/** Metadata, WebFinger and host-meta have a few KB everywhere. */
export const smallDocumentBytes = 32_768;

/** NodeInfo and /api/v1/instance of Pleroma list every domain that is blocked there, which some servers do by the thousand. */
export const documentBytes = 131_072;
