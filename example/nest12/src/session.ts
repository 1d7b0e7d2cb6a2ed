/** The session: its settings, and the types of `req.user` and `req.session`. */

import { Injectable } from '@nestjs/common';
import { PassportSerializer } from '@nestjs/passport';
import session from 'express-session';

declare global {
  namespace Express {
    interface User {
      id: string; // profile.id, the only key to find a user by
      handle: string;
      picture: string | undefined;
    }
  }
}

declare module 'express-session' {
  interface SessionData {
    message: string | undefined;
  }
}

export const sessions = () =>
  session({
    secret: process.env['SESSION_SECRET'] ?? 'change me', // in production also a `store`
    resave: false,
    saveUninitialized: false,
    // Lax, not strict: the visitor returns by a link of another site.
    cookie: { sameSite: 'lax', secure: 'auto' },
  });

/** Keeps the whole user in the session. With a database: `done(null, user.id)`, and the user by this id. */
@Injectable()
export class UserSerializer extends PassportSerializer {
  serializeUser(user: Express.User, done: (error: null, user: Express.User) => void): void {
    done(null, user);
  }

  deserializeUser(user: Express.User, done: (error: null, user: Express.User) => void): void {
    done(null, user);
  }
}
