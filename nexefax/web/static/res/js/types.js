/** @file What the API answers with, for those who read and check the scripts. Nothing here runs. */

/**
 * @typedef {object} Progress
 * @property {number} page the one on the line now
 * @property {number} pages
 * @property {number | null} [bitrate]
 */
/**
 * A fax; times are RFC 3339 in UTC.
 * @typedef {object} Fax
 * @property {number} id
 * @property {"out" | "in"} direction
 * @property {"queued" | "rendering" | "ready" | "calling" | "sent" | "failed" | "cancelled"
 *   | "received" | "converting" | "delivering" | "delivered" | "undeliverable"} state
 * @property {string} reason
 * @property {string} created
 * @property {string} changed
 * @property {string | null} ended
 * @property {string | null} next_try
 * @property {string | null} send_at
 * @property {string} number
 * @property {string} name
 * @property {string} station
 * @property {string} user
 * @property {string} subject
 * @property {string} document_name
 * @property {number | null} pages
 * @property {number | null} pages_done
 * @property {string} resolution
 * @property {number | null} bitrate bit/s
 * @property {number | null} line_seconds
 * @property {number} attempts
 * @property {number} max_attempts
 * @property {boolean} incomplete
 * @property {boolean} doubtful
 * @property {boolean} damaged
 * @property {number | null} repeat_of
 * @property {number | null} resent_from
 * @property {string} batch
 * @property {string[]} notes
 * @property {boolean} unread
 * @property {string | null} deleted
 * @property {boolean} files
 * @property {Progress | null} progress
 * @property {string[]} can
 */
/**
 * @typedef {object} Attempt
 * @property {number} number
 * @property {string} started
 * @property {string | null} ended
 * @property {string} cause
 * @property {string} sentence
 * @property {number | null} pages
 * @property {number | null} bitrate
 * @property {string} station
 * @property {string} mode
 * @property {number} first_page
 * @property {string} settings
 */
/**
 * @typedef {object} Mail
 * @property {string} kind
 * @property {string} state
 * @property {string} address
 * @property {string} user
 * @property {string} created
 * @property {string} changed
 * @property {string | null} next_try
 * @property {number} attempts
 * @property {string} error
 */
/** @typedef {{width: number, length: number, across: number, down: number}} PageSize pixels, and pixels per inch */
/**
 * @typedef {Fax & {message: string, attempts_made: Attempt[], mails: Mail[], timeline: {at: string, text: string}[],
 *   readers: {user: string, at: string}[], page_sizes: PageSize[]}} WholeFax
 */
/** @typedef {{unread: number, waiting: number, failed_today: number}} Counts */
/**
 * @typedef {object} Me
 * @property {string} account
 * @property {string} user
 * @property {boolean} admin
 * @property {string} version
 */

export {};
