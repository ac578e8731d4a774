"""What tests share: experiments, runs whose truth is known, servers and programs that misbehave, the command."""
