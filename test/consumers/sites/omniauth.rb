# A Sinatra site with OmniAuth's OpenID Connect strategy and the provider in RECIPE.

require 'json'
require 'omniauth_openid_connect'
require 'sinatra/base'
require 'webrick'

OmniAuth.config.logger = Logger.new(File::NULL)

class Site < Sinatra::Base
  use Rack::Session::Cookie, secret: 'a secret of the site, for its own cookies, of sixty-four characters'
  eval ENV.fetch('RECIPE') # the lines of the page

  get '/' do
    token = Rack::Protection::AuthenticityToken.token(session)
    <<~HTML
      <form method="post" action="/auth/mastodon">
      <input type="hidden" name="authenticity_token" value="#{token}"><button>Log in</button></form>
    HTML
  end

  get '/auth/mastodon/callback' do
    auth = request.env['omniauth.auth']
    session[:user] = { 'sub' => auth.uid, 'name' => auth.info.name, 'nickname' => auth.info.nickname }
    redirect '/'
  end

  get '/auth/failure' do
    halt 403, "#{params['message']}: #{env['omniauth.error'].inspect}"
  end

  get '/me' do
    JSON.generate(session[:user])
  end
end

Rack::Handler::WEBrick.run(
  Site,
  Host: '127.0.0.1',
  Port: URI(ENV.fetch('ORIGIN')).port,
  AccessLog: [],
  Logger: WEBrick::Log.new(File::NULL),
) do
  puts 'listening'
  $stdout.flush
end
