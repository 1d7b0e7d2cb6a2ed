/** German. */

import type { Language } from '../language.js';

export const de: Language = {
  words: {
    label: 'Dein Server oder Profilname',
    example: 'Zum Beispiel mastodon.social oder @du@mastodon.social',
    button: 'Mit Mastodon anmelden',
    continue: 'Weiter mit %s',
    destination: 'Du bestätigst auf %s.',
    remembered: 'Dein Server vom letzten Mal.',
    forget: 'Server vergessen',
    forgotten: 'Der Server wurde vergessen.',
    busy: 'Weiter zu %s …',
    slow: '%s antwortet langsam. Wir versuchen es weiter …',
    servers: 'Server',
    noAccount: 'Noch kein Konto?',
    join: 'Einen Server finden',
  },
  messages: {
    instance_missing: 'Es wurde kein Server eingegeben. Gib deinen Server ein, zum Beispiel mastodon.social.',
    instance_invalid:
      'Das ist keine Adresse eines Servers. Gib etwas wie mastodon.social oder @du@mastodon.social ein.',
    instance_not_allowed:
      'Mit Konten des Servers %s kann man sich auf dieser Seite nicht anmelden. Verwende ein Konto auf einem anderen Server.',
    instance_unreachable:
      'Der Server %s ist nicht erreichbar. Prüfe die Adresse oder versuche es gleich noch einmal.',
    instance_unsupported:
      'Wir haben unter der Adresse %s keinen Server gefunden, der eine Anmeldung mit der Mastodon-API anbietet.',
    instance_insecure:
      'Die Anmeldung des Servers %s ist nicht sicher: Sie weist nicht verlässlich nach, wer sich anmeldet. Seine Betreiber können helfen.',
    instance_blocked:
      'Der Server %s steht hinter einer Bot-Prüfung, deshalb können wir ihn nicht erreichen. Seine Betreiber können diese Seite zulassen.',
    registration_refused: 'Der Server %s hat diese Seite nicht angenommen. Seine Betreiber können helfen.',
    registration_throttled:
      'Der Server %s nimmt gerade keine neuen Seiten an. Versuche es in ein paar Minuten noch einmal.',
    scope_refused:
      'Diese Seite verlangt mehr Berechtigungen, als der Server %s gewährt. Die Betreiber dieser Seite können helfen.',
    cross_site_start:
      'Dein Browser hat nicht bestätigt, dass du diese Anmeldung auf dieser Seite begonnen hast. Bitte beginne sie hier.',
    login_expired:
      'Diese Anmeldung ist abgelaufen, wurde schon benutzt oder in einem anderen Browser begonnen. Bitte melde dich noch einmal an.',
    login_mismatch:
      'Die Antwort gehört nicht zu der Anmeldung, die hier begonnen wurde. Bitte melde dich noch einmal an.',
    access_denied:
      'Die Anmeldung beim Server %s wurde abgebrochen. Falls das ein Versehen war, melde dich noch einmal an.',
    login_restart:
      'Der Server %s kennt diese Seite nicht mehr. Sie wird dort neu registriert: Bitte melde dich noch einmal an.',
    token_refused: 'Der Server %s hat die Anmeldung nicht abgeschlossen. Bitte melde dich noch einmal an.',
    account_unusable:
      'Der Server %s lässt dieses Konto nicht zur Anmeldung zu. Vielleicht ist es gesperrt, umgezogen, noch nicht bestätigt oder ohne die Zwei-Faktor-Anmeldung, die der Server verlangt.',
    response_invalid:
      'Der Server %s hat eine Antwort gesendet, die wir nicht lesen können. Seine Betreiber können helfen.',
    timeout: 'Der Server %s hat zu lange für eine Antwort gebraucht. Bitte versuche es gleich noch einmal.',
    login_busy: 'Hier laufen gerade zu viele Anmeldungen. Bitte versuche es gleich noch einmal.',
    revocation_unsupported:
      'Eine einzelne Anmeldung beim Server %s lässt sich von hier aus nicht beenden. Das geht dort in den Einstellungen des Kontos.',
    store_failed:
      'Die Anmeldung konnte bei uns nicht gespeichert werden. Bitte versuche es gleich noch einmal.',
  },
  reasons: {
    name_without_dot:
      'Das ist keine vollständige Serveradresse. Sie enthält einen Punkt, zum Beispiel mastodon.social.',
    user_without_server:
      'Das ist ein Profilname ohne Server. Gib beides ein, zum Beispiel @du@mastodon.social, oder nur den Server.',
    email_address:
      'Das ist eine E-Mail-Adresse. Dein Server ist die Website, auf der du dich registriert hast.',
    certificate:
      'Das Zertifikat des Servers %s ist ungültig, deshalb können wir keine sichere Verbindung herstellen. Wer ihn betreibt, muss es erneuern.',
    server_error: 'Der Server %s hat gerade ein Problem. Bitte versuche es in ein paar Minuten noch einmal.',
  },
};
