/** Italian. */

import type { Language } from '../language.js';

export const it: Language = {
  words: {
    label: 'Il tuo server o nome utente',
    example: 'Per esempio mastodon.social o @tu@mastodon.social',
    button: 'Accedi con Mastodon',
    continue: 'Continua con %s',
    destination: 'Confermerai su %s.',
    remembered: 'Il tuo server dell’ultima volta.',
    forget: 'Dimentica questo server',
    forgotten: 'Server dimenticato.',
    busy: 'Ti portiamo su %s…',
    slow: '%s risponde lentamente. Stiamo ancora provando…',
    servers: 'Server',
    noAccount: 'Non hai ancora un account?',
    join: 'Trova un server',
  },
  messages: {
    instance_missing: 'Non è stato indicato alcun server. Scrivi il tuo server, per esempio mastodon.social.',
    instance_invalid:
      'Questo non è l’indirizzo di un server. Scrivi qualcosa come mastodon.social o @tu@mastodon.social.',
    instance_not_allowed:
      'Su questo sito non si può accedere con gli account del server %s. Usa un account su un altro server.',
    instance_unreachable: 'Il server %s non è raggiungibile. Controlla l’indirizzo o riprova tra un momento.',
    instance_unsupported:
      'All’indirizzo %s non abbiamo trovato alcun server che offra l’accesso con l’API di Mastodon.',
    instance_insecure:
      'L’accesso del server %s non è sicuro: non identifica l’utente in modo affidabile. Chi lo gestisce può aiutare.',
    instance_blocked:
      'Il server %s è protetto da un controllo anti-bot, quindi non possiamo contattarlo. Chi lo gestisce può autorizzare questo sito.',
    registration_refused: 'Il server %s non ha accettato questo sito. Chi lo gestisce può aiutare.',
    registration_throttled: 'Il server %s al momento non accetta nuovi siti. Riprova tra qualche minuto.',
    scope_refused:
      'Questo sito chiede più permessi di quanti ne conceda il server %s. Chi gestisce questo sito può aiutare.',
    cross_site_start:
      'Il tuo browser non ha confermato che hai avviato questo accesso su questo sito. Avvialo da qui.',
    login_expired:
      'Questo accesso è scaduto, è già stato usato oppure è iniziato in un altro browser. Accedi di nuovo.',
    login_mismatch: 'La risposta non appartiene all’accesso iniziato qui. Accedi di nuovo.',
    access_denied: 'L’accesso al server %s è stato annullato. Se è stato un errore, accedi di nuovo.',
    login_restart:
      'Il server %s non conosce più questo sito. Lo registreremo di nuovo: accedi ancora una volta.',
    token_refused: 'Il server %s non ha completato l’accesso. Accedi di nuovo.',
    account_unusable:
      'Il server %s non permette a questo account di accedere. Potrebbe essere disattivato, trasferito, non ancora confermato o senza l’autenticazione a due fattori richiesta dal server.',
    response_invalid:
      'Il server %s ha inviato una risposta che non riusciamo a leggere. Chi lo gestisce può aiutare.',
    timeout: 'Il server %s ha impiegato troppo tempo a rispondere. Riprova tra un momento.',
    login_busy: 'In questo momento ci sono troppi accessi in corso qui. Riprova tra un momento.',
    revocation_unsupported:
      'Il server %s non permette di terminare da qui un singolo accesso. Si può fare lì, nelle impostazioni dell’account.',
    store_failed: 'Non è stato possibile salvare l’accesso da parte nostra. Riprova tra un momento.',
  },
  reasons: {
    name_without_dot:
      'Questo non è l’indirizzo completo di un server. Contiene un punto, come in mastodon.social.',
    user_without_server:
      'Questo è un nome utente senza il suo server. Scrivi entrambi, come in @tu@mastodon.social, oppure solo il server.',
    email_address:
      'Questo è un indirizzo e-mail. Il tuo server è il sito web su cui hai creato il tuo account.',
    certificate:
      'Il certificato del server %s non è valido, quindi non possiamo collegarci in modo sicuro. Chi lo gestisce deve correggerlo.',
    server_error: 'Il server %s ha un problema in questo momento. Riprova tra qualche minuto.',
  },
};
